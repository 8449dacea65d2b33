# The peer of within-between: lmer by REML on deviations and means that are there
# already. Arguments: a file of columns, outcome first and person last, repeats.
suppressPackageStartupMessages(library(lme4))
words <- commandArgs(trailingOnly = TRUE)
panel <- read.csv(words[1])
terms <- names(panel)[-c(1, ncol(panel))]
formula <- reformulate(c(terms, "(1 | person)"), names(panel)[1])
seconds <- replicate(as.integer(words[2]), {
  system.time(fit <<- lmer(formula, panel, REML = TRUE))[["elapsed"]]
})
cat(sprintf('{"seconds": %.6f, "estimate": %.17g}\n', min(seconds), fixef(fit)[[2]]))
