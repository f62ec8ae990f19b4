"""Small text-to-image models from scratch, with condition dropout."""
