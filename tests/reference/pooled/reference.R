# lm with sandwich::vcovCL: its HC1 factor is G/(G-1) * (N-1)/(N-K).
library(sandwich)
source("common.R")

reference <- function(variant, panel) {
  terms <- exposures_of(variant)
  others <- c("phq9_total_previous", "age", "gender", "factor(wave)")
  fit <- lm(reformulate(c(terms, others), "pdd_total"), panel)
  clustered <- vcovCL(fit, cluster = panel$participant_id, type = "HC1", cadjust = TRUE)
  columns <- model.matrix(fit)
  inflation <- sapply(terms, function(term) {
    left <- resid(lm.fit(columns[, colnames(columns) != term], panel[[term]]))
    sum((panel[[term]] - mean(panel[[term]]))^2) / sum(left^2)
  })
  result <- describe(
    variant, terms, coef(fit)[terms], sqrt(diag(clustered))[terms], nobs(fit),
    nlevels(panel$participant_id)
  )
  result$inflation <- inflation
  result
}

panels <- variants()
results <- lapply(names(panels), function(name) reference(name, panels[[name]]))
write_exactly(do.call(rbind, results), "pooled/expected.csv")
