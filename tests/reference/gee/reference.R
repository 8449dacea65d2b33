# geepack with the working correlation independence, on deviations and means; the
# robust covariance times this project's G/(G-1) * (N-1)/(N-K).
suppressPackageStartupMessages(library(geepack))
source("common.R")

decompose <- function(panel) {
  changing <- cbind(panel["story_days_per_week"], model.matrix(~ factor(wave), panel)[, -1])
  names(changing) <- make.names(names(changing))
  means <- as.data.frame(lapply(changing, ave, panel$participant_id))
  within <- changing - means
  names(within) <- paste0("within.", names(within))
  names(means) <- paste0("between.", names(means))
  cbind(panel, within, means)
}

reference <- function(model, outcome, family, waves = 1:5) {
  panel <- read.csv("dynamics.csv")
  panel$outcome <- panel[[outcome]]
  panel <- panel[panel$wave %in% waves, c("participant_id", "wave", "story_days_per_week", "outcome")]
  panel <- decompose(panel[complete.cases(panel), ])
  panel$id <- as.integer(factor(panel$participant_id))
  terms <- grep("^(within|between)[.]", names(panel), value = TRUE)
  fit <- geeglm(
    reformulate(terms, "outcome"), id = id, data = panel, family = family,
    corstr = "independence", control = geese.control(epsilon = 1e-14, maxit = 100)
  )
  wanted <- c("within.story_days_per_week", "between.story_days_per_week")
  persons <- length(unique(panel$id))
  factor <- small_sample(nrow(panel), length(coef(fit)), persons)
  covariance <- factor * fit$geese$vbeta
  dimnames(covariance) <- list(names(coef(fit)), names(coef(fit)))
  result <- describe(
    model, wanted, coef(fit)[wanted], sqrt(diag(covariance))[wanted],
    nrow(panel), persons
  )
  difference <- coef(fit)[wanted[1]] - coef(fit)[wanted[2]]
  contrast <- c(1, -1)
  f <- difference^2 / drop(contrast %*% covariance[wanted, wanted] %*% contrast)
  result$wald <- f
  result$wald_p <- pf(f, 1, persons - 1, lower.tail = FALSE)
  result
}

write_exactly(
  rbind(
    reference("binary", "formal", binomial),
    reference("count", "contacts", poisson),
    reference("two_waves", "formal", binomial, 1:2),
    reference("missing_wave", "contacts", poisson, c(1, 2, 4, 5))
  ),
  "gee/expected.csv"
)
