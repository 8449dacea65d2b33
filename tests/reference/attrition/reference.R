# A logit of answering with sandwich::vcovCL; HC1 and cadjust make the factor
# G/(G-1) * (N-1)/(N-K). The rows at risk are those of weights/reference.R.
suppressPackageStartupMessages(library(sandwich))
source("common.R")

panel <- read.csv("dropout.csv", stringsAsFactors = FALSE)
panel <- panel[order(panel$participant_id, panel$wave), ]
at_risk <- do.call(rbind, lapply(split(panel, panel$participant_id), function(person) {
  known <- person$wave[!is.na(person$pdd_total)]
  if (length(known) == 0) return(NULL)
  first <- min(known)
  ended <- min(c(setdiff(first:4, known), 5))
  waves <- setdiff(seq(first, min(ended, 4)), first)
  do.call(rbind, lapply(waves, function(wave) {
    row <- tail(person[person$wave <= wave, ], 1)
    row$answered <- wave < ended
    row$before <- person$pdd_total[person$wave == wave - 1]
    row$wave <- wave
    row
  }))
}))
fit <- glm(
  answered ~ factor(wave) + age + factor(gender) + before + reaction_days_per_week +
    story_days_per_week,
  binomial, at_risk, control = glm.control(epsilon = 1e-15, maxit = 100)
)
clustered <- vcovCL(fit, at_risk$participant_id, type = "HC1", cadjust = TRUE)
persons <- length(unique(at_risk$participant_id))
result <- describe(
  "attrition", names(coef(fit)), coef(fit), sqrt(diag(clustered)), nobs(fit), persons
)
values <- model.matrix(fit)
result$mean_answered <- colMeans(values[at_risk$answered, ])
result$mean_lost <- colMeans(values[!at_risk$answered, ])
write_exactly(result[-1, ], "attrition/expected.csv")
