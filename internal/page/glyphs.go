package page

// greekLetters are the letters that formulas use, by their LaTeX names.
var greekLetters = map[string]string{
	`\alpha`: "α", `\beta`: "β", `\gamma`: "γ", `\delta`: "δ", `\epsilon`: "ϵ", `\zeta`: "ζ", `\eta`: "η", `\theta`: "θ", `\iota`: "ι",
	`\kappa`: "κ", `\lambda`: "λ", `\mu`: "μ", `\nu`: "ν", `\xi`: "ξ", `\pi`: "π", `\rho`: "ρ", `\sigma`: "σ", `\tau`: "τ", `\upsilon`: "υ",
	`\phi`: "ϕ", `\chi`: "χ", `\psi`: "ψ", `\omega`: "ω", `\ell`: "ℓ", `\Pi`: "Π", `\Phi`: "Φ", `\Delta`: "Δ", `\Lambda`: "Λ", `\Sigma`: "Σ",
}

// marks are the other symbols: operators, relations and constants.
var marks = map[string]string{
	`\ne`: "≠", `\le`: "≤", `\ge`: "≥", `\wedge`: "∧", `\vee`: "∨", `\neg`: "¬", `\infty`: "∞", `\#`: "#", `\exists`: "∃", `\forall`: "∀",
	`\top`: "⊤", `\pm`: "±", `\bmod`: "mod", `\cdot`: "·", `\times`: "×", `\gets`: "←", `\nabla`: "∇", `\in`: "∈", `\leftarrow`: "←",
	`\ldots`: "…", `\prime`: "′", `\partial`: "∂", `\circ`: "∘", `\odot`: "⊙", `\to`: "→",
}

// bigs are operators that stand before a product.
var bigs = map[string]string{`\sum`: "∑", `\prod`: "∏"}

// functions are those that LaTeX knows by name.
var functions = map[string]bool{
	`\exp`: true, `\ln`: true, `\log`: true, `\sin`: true, `\cos`: true, `\tan`: true, `\arctan`: true, `\sinh`: true, `\cosh`: true,
	`\tanh`: true, `\min`: true, `\max`: true, `\arg`: true, `\det`: true,
}

// ends are the marks of a Fence: as MathML has them, as LaTeX has them, and as LaTeX has them in a table of Markdown, where
// a bar would end the cell.
var ends = map[string][3]string{
	"(": {"(", "(", "("}, ")": {")", ")", ")"}, "[": {"[", "[", "["}, "]": {"]", "]", "]"},
	`\{`: {"{", `\{`, `\lbrace`}, `\}`: {"}", `\}`, `\rbrace`}, "|": {"|", "|", `\vert`}, `\|`: {"‖", `\|`, `\Vert`},
	`\langle`: {"⟨", `\langle`, `\langle`}, `\rangle`: {"⟩", `\rangle`, `\rangle`},
	`\lfloor`: {"⌊", `\lfloor`, `\lfloor`}, `\rfloor`: {"⌋", `\rfloor`, `\rfloor`},
	`\lceil`: {"⌈", `\lceil`, `\lceil`}, `\rceil`: {"⌉", `\rceil`, `\rceil`},
}
