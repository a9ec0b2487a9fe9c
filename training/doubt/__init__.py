"""Sure, unsure, no digit: the decision beside the class, and what it is fitted on."""
