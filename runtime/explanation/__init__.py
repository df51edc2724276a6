"""Shows which part of an image speaks for a class; imported only when somebody asks."""
