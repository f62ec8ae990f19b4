"""The page on which a run can be browsed: its data, its thumbnails, and copies of it to give away."""
