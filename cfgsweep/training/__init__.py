"""Training of small diffusion models from scratch, with condition dropout."""
