package live

import "charm.land/bubbles/v2/key"

// helped are the keys in the order of the help; one that is like another stands with it.
var helped = []key.Binding{
	keys.stop, keys.up, keys.pageUp, keys.first, keys.pick, keys.next, keys.pane, keys.zoom, keys.suspend, keys.help,
}

// glossary is the words of the screen.
var glossary = [][2]string{
	{"bound", "a rule's fitness, as low as it may be by chance. 0 is AdamW, tuned alike on the same tasks; 1 is one deviation of AdamW's loss from seed to seed"},
	{"fitness", "the mean of the scores on the tasks that it was run on, less half their deviation"},
	{"→", "the pick: the rule to take if the search ended now"},
	{"birth", "the first one of this rule; it is also the rule's name in other commands. A new one is bright"},
	{"rungs", "tasks of one cost. A rule goes on to the next rung if it does better than most on this one: a dot for each that it has gone through"},
	{"size", "operators of the formula"},
	{"bytes, flops", "state and work of a parameter"},
	{"evals", "evaluations of the rule, with other seeds each time"},
	{"candidates", "all formulas that were made. Those that cannot train are dull, and thrown away"},
	{"births", "candidates that joined the population. Of most the rule is known already, and so is its fitness"},
	{"evaluated", "rules that were trained with, on one rung at least"},
	{"runs", "training runs, some for each learning rate, task and seed"},
}
