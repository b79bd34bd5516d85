# Read a problem and write a result, for R scripts. The runner writes frame.csv, formula.txt and names.csv beside the
# problem: names.csv says which column, or which group and column, is which quantity.
arguments <- commandArgs(trailingOnly = TRUE)
problem_folder <- arguments[1]
out_folder <- arguments[2]
setting <- function(name) {
  text <- arguments[3]
  as.numeric(sub(paste0('.*"', name, '": *([-0-9.e]+).*'), "\\1", text))
}
words <- function(name) {
  text <- readLines(file.path(problem_folder, "words.txt"))
  sub("^[^=]*=", "", text[startsWith(text, paste0(name, "="))])
}
read_frame <- function() {
  data <- read.csv(file.path(problem_folder, "frame.csv"))
  for (name in grep("^g[0-9]+$", names(data), value = TRUE)) data[[name]] <- factor(data[[name]])
  data
}
quantity_names <- function() {
  table <- read.csv(file.path(problem_folder, "names.csv"), colClasses = "character")
  setNames(table$quantity, table$key)
}
cannot <- function(why) {
  dir.create(out_folder, recursive = TRUE, showWarnings = FALSE)
  writeLines(sprintf('{"cannot": "%s"}', why), file.path(out_folder, "result.json"))
  quit(status = 0)
}
finish <- function(estimates, compile, sample, packages, note = "", post = 0) {
  dir.create(out_folder, recursive = TRUE, showWarnings = FALSE)
  estimates <- estimates[is.finite(estimates)]
  numbers <- paste(sprintf('"%s": %.10g', names(estimates), estimates), collapse = ", ")
  versions <- paste(sprintf('"%s": "%s"', packages, sapply(packages, function(p) as.character(packageVersion(p)))),
                    collapse = ", ")
  writeLines(sprintf(
    paste0('{"seconds": {"compile": %.6f, "sample": %.6f, "post": %.6f}, "versions": {%s, "R": "%s"}, ',
           '"estimates": {%s}, "ess": {}, "moments": {}, "note": "%s"}'),
    compile, sample, post, versions, as.character(getRversion()), numbers, gsub('["\\\\\n]', " ", note)
  ), file.path(out_folder, "result.json"))
}
seconds <- function() unname(proc.time()["elapsed"])
from_varcorr <- function(fixed, table, names) {
  out <- setNames(as.numeric(fixed), names[names(fixed)])
  for (i in seq_len(nrow(table))) {
    if (!is.na(table$var2[i])) next
    key <- if (table$grp[i] == "Residual") "noise" else paste0(sub("[.][0-9]+$", "", table$grp[i]), "|", table$var1[i])
    if (key %in% names(names)) out[names[[key]]] <- table$sdcor[i]
  }
  out
}
