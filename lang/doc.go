// Package lang is the text of the rule language: it turns source into a tree and a tree into
// canonical source, and it says what is wrong with a file and where.
//
// In comes a file's name and bytes; out come a [File] and [Diagnostics] ([Parse]), or text
// ([Format], [FormatExpr]). The package knows syntax and no meaning: whether a name exists, an
// extent fits or a statement may stand in a fn or a rule is the checker's business. It opens no
// file and imports nothing else of the compiler.
//
// # Lexical form
//
// A file is UTF-8 text of at most [MaxFileSize] bytes, without NUL; a byte order mark at its
// start is skipped, and lines may end in CR LF.
//
//	NAME    letters, digits and _ of any script, beginning with a letter or _ ; not a reserved word
//	NUMBER  digits [ "." digits ] [ ("e" | "E") [ "+" | "-" ] digits ], digits 0 to 9;
//	        one too large for a float64 is an error (infinity is the name inf)
//	STRING  "..." on one line; its only escapes are \" and \\
//	//      begins a comment, which ends with its line
//	///     begins a documentation line when nothing stands before it: the lines directly above a
//	        fn, rule, hyper, option, state, let or given are its Doc; elsewhere, and with a fourth
//	        slash, it is a comment
//
// The operators and marks are
//
//	<- <= >= == != < > = + - * / % @ ^ ' .. ( ) [ ] { } , ;
//
// of which the longest that matches is taken: a<-b is an assignment, a < -b a comparison.
// The reserved words are
//
//	import fn rule hyper option state let when else repeat until probe given eval clear return
//	and or not in per at as one of
//
// The words grad, loss, hvp and load, the storages bf16, f16, q8 and sr, and the names of extents
// are words in their places only, and names elsewhere.
//
// # Grammar
//
//	file      = { END } [ decl { END { END } decl } ] { END } .
//	decl      = import | fn | rule .
//	import    = "import" STRING .
//	fn        = "fn" NAME "(" [ names ] [ ";" param { "," param } ] ")" ( "=" expr | block ) .
//	param     = NAME [ "=" expr ] .
//	rule      = "rule" NAME ( "=" expr | block ) .
//	names     = NAME { "," NAME } .
//	block     = "{" { stmt END | END } [ stmt ] "}" .
//
//	stmt      = hyper | option | bind | given | probe | assign | when | repeat | until | eval | clear | return .
//	hyper     = "hyper" NAME "=" expr [ "in" range ] .
//	option    = "option" NAME "=" ( "one" "of" "(" names ")" | ( "rule" | "fn" ) expr | expr [ "in" range ] ) .
//	bind      = ( "state" | "let" ) NAME [ "[" expr "]" ] [ "per" extent ] [ "as" storage ] "=" expr .
//	given     = "given" NAME [ "per" extent ] [ "=" "load" ] .
//	probe     = "probe" NAME "=" ( "grad" | "loss" | "hvp" expr ) [ "at" expr ] .
//	assign    = NAME [ "[" expr "]" ] "<-" expr .
//	when      = "when" expr block [ "else" ( block | when ) ] .
//	repeat    = "repeat" ( expr | NAME "in" expr ".." expr ) block .
//	until     = "until" expr .
//	eval      = "eval" expr .
//	clear     = "clear" NAME .
//	return    = "return" expr .                                  (in a fn only)
//
//	extent    = NAME | "[" NAME "," NAME "]" .
//	storage   = ( "bf16" | "f16" | "q8" ) [ "sr" ] .
//	range     = ( "(" | "[" ) expr "," expr ( ")" | "]" ) | expr ".." expr .
//
//	expr      = an operand, or operands joined by the operators below .
//	operand   = NUMBER | STRING | NAME | call | "(" expr ")" .
//	call      = NAME [ "'" ] "(" [ expr { "," expr } ] [ "per" extent ] [ ";" arg { "," arg } ] ")" .
//	arg       = [ NAME "=" ] expr .
//
// After in, a bracket always opens an interval, and an interval's brackets need not match in kind.
//
// Operators, the loosest first; those of one line chain from the left but where it says otherwise:
//
//	or
//	and
//	not           before its operand; never directly after an operator that binds tighter
//	< <= > >= == !=   do not chain: 0 < x < 1 is an error
//	+ -
//	* / % @
//	-             before its operand
//	^             chains from the right; its right operand may begin with a minus: t^-0.8
//	' [i]         after their operand; a number in digits takes no index
//
// The mark ' after a name directly before ( makes a call of the function's derivative, f'(u);
// everywhere else it transposes. Parentheses leave no trace in the tree.
//
// # Layout
//
// END is a newline or a semicolon outside ( ) and [ ], the brackets counted without their kind.
// A block's last statement needs none. A newline is no END
//
//   - inside ( ) or [ ];
//   - after an infix operator, not, a comma, =, <-, .. or {;
//   - before an infix operator (- among them), .. or else.
//
// A line that begins with import, fn or rule begins a declaration, and one that begins with
// hyper, option, state, let, when, repeat, until, probe, given, eval, return, } or NAME <- begins
// afresh too, whatever is still open above it: so one forgotten bracket costs one error.
//
// # Errors
//
// Several errors are reported in one run, one a statement: a bad statement is skipped to its end,
// a bad declaration to the next line that begins one. A declaration with an error is not in the
// tree. At most [MaxDiagnostics] are shown, then how many more there are.
//
// # Limits
//
// No more than [MaxNesting] levels of brackets, braces, unary operators, powers, postfixes and
// else-branches stand within each other, and no more than [MaxOperators] infix operators in one
// statement. Both are checked on the tokens before any recursive code sees them, so whoever walks
// a tree from Parse may recurse: no path in it is longer than the two together.
//
// # Canonical text
//
// Format writes one statement a line, two spaces a level, and at most one blank line, which it
// keeps from the source and puts around every fn or rule with a block. A block of one simple
// statement that stood on one line stays there if it fits. There are spaces around or, and, the
// comparisons, +, - and %, none around * / @ ^, and only the parentheses that the tree needs.
// Lines longer than 100 columns are broken after an operator, comma or semicolon within the
// fewest brackets. A comment stays above or behind what it stood above or behind; one from within
// a statement moves above it, and /// that documents nothing becomes //.
package lang
