"""The flows: what the law of each authentication flow is. Below them only the core; above them who carries them out."""
