module example.com/mytask

go 1.26.0

require github.com/optc-lang/optc/search v0.0.0

require (
	github.com/BurntSushi/toml v1.6.0 // indirect
	github.com/alecthomas/participle/v2 v2.1.4 // indirect
	github.com/gofrs/flock v0.13.2 // indirect
	github.com/ncruces/go-sqlite3 v0.35.3 // indirect
	github.com/ncruces/go-sqlite3-wasm/v3 v3.2.35304 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/optc-lang/optc v0.0.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace (
	github.com/optc-lang/optc => ../..
	github.com/optc-lang/optc/search => ../../search
)
