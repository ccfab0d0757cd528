"""What independent judges say of the editions: `make proof` writes build/proof/index.html."""
