/*
 * fields: the parts of a post-mortem that only people can write, in the order of
 * the document. A field line of the journal names one of these words; any other
 * name is shown behind them all the same.
 */
#ifndef REPORT_FIELDS_H
#define REPORT_FIELDS_H

/*	name		heading */
#define REPORT_FIELDS(X)						\
	X("summary", "Summary")						\
	X("impact", "Impact")						\
	X("lead-up", "What led up to it")				\
	X("detection", "How it was found")				\
	X("trigger", "Trigger")						\
	X("root-cause", "Root cause")					\
	X("contributing", "Contributing causes")			\
	X("whys", "Five whys")						\
	X("response", "Response")					\
	X("recovery", "Recovery")					\
	X("went-well", "What went well")				\
	X("went-wrong", "What could be better")				\
	X("lucky", "Where we were lucky")				\
	X("surprised", "What surprised us")				\
	X("lessons", "What we will do differently")

#endif
