# rstanarm: stan_lmer with the priors it has that lie nearest; its covariance prior is not ours, so the gate may refuse it.
begin <- proc.time()["elapsed"]
suppressWarnings(suppressPackageStartupMessages(library(rstanarm)))
if (words("kind") == "cells" || words("family") != "gaussian") cannot("Gaussian rows only")
compile <- unname(proc.time()["elapsed"] - begin)
data <- read_frame()
begin <- seconds()
fit <- suppressWarnings(stan_lmer(
  as.formula(words("formula")), data,
  prior = normal(as.numeric(strsplit(words("means"), " ")[[1]]), as.numeric(strsplit(words("sds"), " ")[[1]]),
                 autoscale = FALSE),
  prior_aux = exponential(1, autoscale = TRUE), chains = setting("chains"), cores = setting("cores"),
  iter = setting("tune") + setting("draws"), warmup = setting("tune"), seed = setting("seed"),
  adapt_delta = setting("target_accept"), refresh = 0
))
sample <- seconds() - begin
begin <- seconds()
draws <- as.array(fit)
names <- quantity_names()
out <- list()
for (i in seq_along(dimnames(draws)$parameters)) {
  parameter <- dimnames(draws)$parameters[i]
  values <- draws[, , i]
  key <- parameter
  if (parameter == "sigma") key <- "noise"
  if (startsWith(parameter, "Sigma[")) {
    inside <- strsplit(sub("^Sigma\\[(.*)\\]$", "\\1", parameter), "[:,]")[[1]]
    if (inside[2] != inside[length(inside)]) next
    key <- paste0(inside[1], "|", inside[2])
    values <- sqrt(values)
  }
  if (key %in% names(names)) out[[names[[key]]]] <- values
}
dir.create(out_folder, recursive = TRUE, showWarnings = FALSE)
for (name in names(out)) {
  write.table(out[[name]], file.path(out_folder, paste0(match(name, names(out)), ".draws.csv")),
              sep = ",", row.names = FALSE, col.names = FALSE)
}
writeLines(names(out), file.path(out_folder, "draws.txt"))
finish(numeric(0), compile, sample, "rstanarm", post = seconds() - begin)
