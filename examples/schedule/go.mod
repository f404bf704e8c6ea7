module example.com/schedule

go 1.26.0

tool github.com/optc-lang/optc/cmd/optc

require github.com/optc-lang/optc v0.0.0

require (
	github.com/alecthomas/kong v1.17.0 // indirect
	github.com/alecthomas/participle/v2 v2.1.4 // indirect
	github.com/dave/jennifer v1.7.1 // indirect
	github.com/rogpeppe/go-internal v1.16.0 // indirect
)

replace github.com/optc-lang/optc => ../..
