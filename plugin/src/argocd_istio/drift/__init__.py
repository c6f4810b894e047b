"""How a render differs from an official install of Argo CD, and which of the differences are meant."""
