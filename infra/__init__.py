"""The program: settings in, components composed, outputs out."""
