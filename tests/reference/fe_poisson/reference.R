# Poisson regression with a dummy for each person and wave, by glm; clubSandwich's CR2
# with Satterthwaite's t. Persons with one row, or whose outcome is always 0, are left out.
suppressPackageStartupMessages({
  library(clubSandwich)
  library(sandwich)
})
source("common.R")

contributing <- function(panel) {
  rows <- ave(panel$wave, panel$participant_id, FUN = length)
  sums <- ave(panel$outcome, panel$participant_id, FUN = sum)
  panel <- panel[rows > 1 & sums > 0, ]
  panel$person <- factor(panel$participant_id)
  panel$w <- factor(panel$wave)
  panel
}

# The sandwich with G/(G-1) * (N-1)/(N-K), where K counts no dummies of persons.
cr1 <- function(fit, panel, terms) {
  persons <- nlevels(panel$person)
  coefficients <- length(coef(fit)) - persons + 1
  covariance <- vcovCL(fit, panel$person, type = "HC0", cadjust = FALSE)
  factor <- small_sample(nrow(panel), coefficients, persons)
  sqrt(factor * diag(covariance)[terms])
}

reference <- function(model, panel, outcome, terms) {
  panel$outcome <- panel[[outcome]]
  panel <- contributing(panel[complete.cases(panel[c("outcome", terms)]), ])
  formula <- reformulate(c(terms, "w", "person"), "outcome")
  # A mean that is no count has the same equations.
  family <- if (all(panel$outcome == round(panel$outcome))) poisson else quasipoisson
  fit <- glm(formula, family, panel, control = glm.control(epsilon = 1e-15, maxit = 200))
  # The working model is the family's variance itself, not a multiple of it.
  tests <- coef_test(
    fit, vcov = vcovCR(fit, panel$person, "CR2"), test = "Satterthwaite", coefs = terms
  )
  data.frame(
    model = model, term = terms, estimate = tests$beta, std_error = tests$SE,
    df = tests$df, p_value = tests$p_Satt, std_error_cr1 = cr1(fit, panel, terms),
    n_obs = nrow(panel), n_participants = nlevels(panel$person)
  )
}

heavy <- read.csv("clubsandwich/panel.csv")
heavy$mean_of_three <- pmax(heavy$score - 15, 0) / 3
functions <- paste0("f", 1:5, "_days_per_week")
dynamics <- read.csv("dynamics.csv")
write_exactly(
  rbind(
    reference("heavy", heavy, "visits", functions),
    reference("not_whole", heavy, "mean_of_three", functions),
    reference("two_waves", dynamics[dynamics$wave <= 2, ], "contacts", "story_days_per_week"),
    reference("gaps", dynamics, "contacts", "story_days_per_week")
  ),
  "fe_poisson/expected.csv"
)
