package main

// instructionSets are those of this processor.
func instructionSets() map[string]bool { return map[string]bool{"neon": true} }
