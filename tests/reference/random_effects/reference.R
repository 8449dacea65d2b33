# plm's Swamy-Arora; vcovHC with HC0 and the factor of this project.
suppressPackageStartupMessages(library(plm))
source("common.R")

reference <- function(variant, panel) {
  wanted <- exposures_of(variant)
  others <- c("phq9_total_previous", "age", "gender", "factor(wave)")
  fit <- plm(
    reformulate(c(wanted, others), "pdd_total"), panel,
    model = "random", random.method = "swar", index = c("participant_id", "wave")
  )
  clustered <- vcovHC(fit, method = "arellano", type = "HC0", cluster = "group")
  n <- nrow(panel)
  persons <- nlevels(panel$participant_id)
  factor <- small_sample(n, length(coef(fit)), persons)
  std_error <- sqrt(diag(clustered) * factor)[wanted]
  result <- describe(variant, wanted, coef(fit)[wanted], std_error, n, persons)
  variances <- ercomp(fit)$sigma2
  result$intraclass_correlation <- variances[["id"]] / sum(variances)
  result
}

panels <- variants()
results <- lapply(names(panels), function(name) reference(name, panels[[name]]))
write_exactly(do.call(rbind, results), "random_effects/expected.csv")
