module github.com/optc-lang/optc/search

go 1.26.0

require github.com/optc-lang/optc v0.0.0

require github.com/alecthomas/participle/v2 v2.1.4 // indirect

replace github.com/optc-lang/optc => ../
