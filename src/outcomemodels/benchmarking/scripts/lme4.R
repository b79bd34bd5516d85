# lme4: lmer by restricted maximum likelihood, glmer by Laplace; point estimates only.
begin <- proc.time()["elapsed"]
suppressPackageStartupMessages(library(lme4))
if (words("kind") == "cells") cannot("cells given as mean, SD and n")
compile <- unname(proc.time()["elapsed"] - begin)
data <- read_frame()
begin <- seconds()
formula <- as.formula(words("formula"))
fit <- if (words("family") == "gaussian") {
  suppressMessages(suppressWarnings(lmer(formula, data, REML = TRUE, control = lmerControl(calc.derivs = FALSE))))
} else {
  suppressMessages(suppressWarnings(glmer(formula, data, family = binomial, control = glmerControl(calc.derivs = FALSE))))
}
sample <- seconds() - begin
table <- as.data.frame(VarCorr(fit))
note <- if (isSingular(fit)) "singular: an SD estimated at zero" else ""
finish(from_varcorr(fixef(fit), table, quantity_names()), compile, sample, "lme4", note)
