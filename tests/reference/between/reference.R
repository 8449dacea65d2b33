# plm's between estimator; the same regression by lm for sandwich's HC1, whose factor
# is G/(G-K) for G persons with one row each.
suppressPackageStartupMessages({
  library(plm)
  library(sandwich)
})
source("common.R")

with_dummies <- function(panel) {
  dummies <- model.matrix(~ factor(wave) + gender, panel)[, -1]
  colnames(dummies) <- make.names(colnames(dummies))
  cbind(panel, dummies)
}

reference <- function(variant, panel) {
  wanted <- exposures_of(variant)
  panel <- with_dummies(panel)
  others <- c("phq9_total_previous", "age", grep("^(factor|gender.)", names(panel), value = TRUE))
  formula <- reformulate(c(wanted, others), "pdd_total")
  means <- aggregate(panel[c("pdd_total", wanted, others)], panel["participant_id"], mean)
  by_hand <- lm(formula, means)
  fit <- plm(formula, panel, model = "between", index = c("participant_id", "wave"))
  stopifnot(all.equal(coef(fit)[wanted], coef(by_hand)[wanted], tolerance = 1e-10))
  std_error <- sqrt(diag(vcovHC(by_hand, type = "HC1")))[wanted]
  describe(variant, wanted, coef(fit)[wanted], std_error, nrow(panel), nrow(means))
}

panels <- variants()
results <- lapply(names(panels), function(name) reference(name, panels[[name]]))
write_exactly(do.call(rbind, results), "between/expected.csv")
