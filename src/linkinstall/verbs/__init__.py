"""The verbs: what the command line and the library offer, each thin on the engine."""
