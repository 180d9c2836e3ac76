"""What a third party brings: a backend, a method, policies, a store, a gate and more."""
