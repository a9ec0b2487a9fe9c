"""Assembly text, read and translated into C: what a core's .S files are tested by."""
