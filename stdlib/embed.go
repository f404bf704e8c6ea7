// Package stdlib holds the library: update rules and the functions that they share, in the rule language.
package stdlib

import "embed"

// FS holds every file of the library, those of rules that a search has found in the folder found. All their names are in scope of
// every rule file.
//
//go:embed *.opt found/*.opt
var FS embed.FS
