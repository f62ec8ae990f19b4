"""Settings that other programs write into their pictures, as a sweep file."""
