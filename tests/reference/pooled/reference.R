# lm with sandwich::vcovCL: its HC1 factor is G/(G-1) * (N-1)/(N-K).
library(sandwich)
source("common.R")

panel <- read_panel()
fit <- lm(
  pdd_total ~ reaction_days_per_week + story_days_per_week +
    phq9_total_previous + age + gender + factor(wave),
  data = panel
)
clustered <- vcovCL(fit, cluster = panel$participant_id, type = "HC1", cadjust = TRUE)
terms <- c("reaction_days_per_week", "story_days_per_week")
persons <- nlevels(panel$participant_id)
inflation <- sapply(terms, function(term) {
  others <- model.matrix(fit)
  left <- resid(lm.fit(others[, colnames(others) != term], panel[[term]]))
  sum((panel[[term]] - mean(panel[[term]]))^2) / sum(left^2)
})
result <- describe(
  "pooled", terms, coef(fit)[terms], sqrt(diag(clustered))[terms], nobs(fit), persons
)
result$inflation <- inflation
write_exactly(result, "pooled/expected.csv")
