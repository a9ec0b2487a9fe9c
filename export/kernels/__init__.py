"""How each stage is made: one module and its template for each kernel."""
