# glmmTMB: maximum likelihood by Laplace; point estimates only.
begin <- proc.time()["elapsed"]
suppressWarnings(suppressPackageStartupMessages(library(glmmTMB)))
if (words("kind") == "cells") cannot("cells given as mean, SD and n")
compile <- unname(proc.time()["elapsed"] - begin)
data <- read_frame()
begin <- seconds()
family <- if (words("family") == "gaussian") gaussian() else binomial()
fit <- suppressWarnings(glmmTMB(as.formula(words("formula")), data, family = family, REML = TRUE, se = FALSE))
sample <- seconds() - begin
names <- quantity_names()
fixed <- fixef(fit)$cond
out <- setNames(as.numeric(fixed), names[names(fixed)])
parts <- VarCorr(fit)$cond
for (group in names(parts)) {
  sds <- attr(parts[[group]], "stddev")
  for (column in names(sds)) {
    key <- paste0(sub("[.][0-9]+$", "", group), "|", column)
    if (key %in% names(names)) out[names[[key]]] <- sds[[column]]
  }
}
if (words("family") == "gaussian") out["noise"] <- sigma(fit)
finish(out, compile, sample, "glmmTMB")
