# Analysis of covariance: later answers on use and on the own outcome of the first wave,
# or of the wave before. Least squares with clubSandwich's CR2, clustered by person.
suppressPackageStartupMessages(library(clubSandwich))
source("common.R")

panel <- read.csv("clubsandwich/panel.csv", stringsAsFactors = FALSE)
functions <- paste0("f", 1:5, "_days_per_week")
at <- function(wave) panel$score[match(paste(panel$participant_id, wave),
                                       paste(panel$participant_id, panel$wave))]
panel$baseline <- at(1)
panel$previous <- at(panel$wave - 1)
later <- panel[panel$wave > 1, ]

expected <- list()
add <- function(model, fit, persons) {
  tests <- coef_test(
    fit, vcov = vcovCR(fit, persons, "CR2"), test = "Satterthwaite", coefs = functions
  )
  expected[[model]] <<- data.frame(
    model = model, term = functions, estimate = tests$beta, std_error = tests$SE,
    df = tests$df, p_value = tests$p_Satt, n_obs = nobs(fit)
  )
}
pooled <- function(model, covariate) {
  rows <- later[!is.na(later[[covariate]]), ]
  rows$w <- factor(rows$wave)
  fit <- lm(reformulate(c(functions, "age", "w", covariate), "score"), rows)
  add(model, fit, rows$participant_id)
}
pooled("baseline", "baseline")
pooled("previous_outcome", "previous")

# Persons' means over the waves after the first.
rows <- later[!is.na(later$baseline), ]
dummies <- model.matrix(~ factor(wave), rows)[, -1]
colnames(dummies) <- paste0("w", 3:6)
means <- aggregate(
  cbind(rows[c("score", functions, "age", "baseline")], dummies),
  list(person = rows$participant_id), mean
)
fit <- lm(
  reformulate(c(functions, "age", colnames(dummies), "baseline"), "score"), means
)
add("between", fit, means$person)

write_exactly(do.call(rbind, expected), "ancova/expected.csv")
