"""A question becomes counterfactual designs; predictions become answers."""
