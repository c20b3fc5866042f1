"""Who people are: names, passwords, a provider of identities, and visits."""
