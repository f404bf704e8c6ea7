// Package stdlib holds the library: update rules and the functions that they share, in the rule language.
package stdlib

import "embed"

// FS holds every file of the library. All its names are in scope of every rule file.
//
//go:embed *.opt
var FS embed.FS
