# Blow-up and cluster: survival::clogit (exact) on one copy of each person for each value
# of the outcome but the lowest. clogit has no clustered errors with the exact method, so
# that scores and covariances are computed here by going through all placements of the
# high answers; the gradient at clogit's estimate must be 0. CR2 is clubSandwich's for
# the least squares that have these scores.
suppressPackageStartupMessages({
  library(clubSandwich)
  library(survival)
})
source("common.R")

blow_up <- function(panel, terms) {
  values <- sort(unique(panel$outcome))[-1]
  copies <- do.call(rbind, lapply(values, function(value) {
    copy <- panel
    copy$high <- as.integer(copy$outcome >= value - 1e-6)
    copy$copy <- paste(copy$participant_id, match(value, values))
    copy
  }))
  high <- ave(copies$high, copies$copy, FUN = mean)
  copies[high > 0 & high < 1, ]
}

# Rows and errors of one copy in units of its answers' covariance, given their number.
working <- function(rows, high, coefficients) {
  size <- length(high)
  placements <- combn(size, sum(high))
  chosen <- matrix(0, ncol(placements), size)
  for (i in seq_len(ncol(placements))) chosen[i, placements[, i]] <- 1
  weights <- exp(drop(chosen %*% (rows %*% coefficients)))
  weights <- weights / sum(weights)
  means <- drop(weights %*% chosen)
  centred <- sweep(chosen, 2, means)
  covariance <- t(centred) %*% (centred * weights)
  parts <- eigen(covariance, symmetric = TRUE)
  kept <- seq_len(size - 1)
  root <- t(parts$vectors[, kept, drop = FALSE]) * sqrt(parts$values[kept])
  inverse <- t(parts$vectors[, kept, drop = FALSE]) / sqrt(parts$values[kept])
  list(columns = root %*% rows, errors = drop(inverse %*% (high - means)))
}

reference <- function(model, panel, outcome, terms) {
  panel$outcome <- panel[[outcome]]
  panel <- panel[complete.cases(panel[c("outcome", terms)]), ]
  panel$w <- factor(panel$wave)
  changing <- ave(panel$outcome, panel$participant_id, FUN = function(x) diff(range(x)))
  panel <- droplevels(panel[changing > 1e-6, ])
  copies <- blow_up(panel, terms)
  fit <- clogit(
    reformulate(c(terms, "w", "strata(copy)"), "high"), copies, method = "exact",
    control = coxph.control(eps = 1e-12, iter.max = 100, toler.chol = 1e-13)
  )
  design <- model.matrix(reformulate(c(terms, "w")), copies)[, -1]
  parts <- lapply(split(seq_len(nrow(copies)), copies$copy), function(rows) {
    part <- working(design[rows, , drop = FALSE], copies$high[rows], coef(fit))
    part$person <- rep(copies$participant_id[rows[1]], length(part$errors))
    part
  })
  columns <- do.call(rbind, lapply(parts, `[[`, "columns"))
  errors <- unlist(lapply(parts, `[[`, "errors"))
  person <- unlist(lapply(parts, `[[`, "person"))
  gradient <- drop(t(columns) %*% errors) / sqrt(colSums(columns^2))
  stopifnot(max(abs(gradient)) < 1e-6)
  # One step from clogit's estimate, which stops short of the maximum by its tolerance.
  response <- drop(columns %*% coef(fit)) + errors
  data <- data.frame(response, columns)
  regression <- lm(response ~ 0 + ., data)
  stopifnot(max(abs(coef(regression) - coef(fit))) < 1e-6)
  tests <- coef_test(
    regression, vcov = vcovCR(regression, person, "CR2"), test = "Satterthwaite",
    coefs = terms
  )
  scores <- rowsum(columns * residuals(regression), person)
  bread <- solve(crossprod(columns))
  persons <- length(unique(person))
  # CR1 counts the rows of copies that differ, less one of each copy.
  patterns <- tapply(copies$high, copies$copy, paste, collapse = "")
  owners <- tapply(as.character(copies$participant_id), copies$copy, `[`, 1)
  different <- !duplicated(paste(owners, patterns))
  rows <- sum(nchar(patterns[different]) - 1)
  covariance <- small_sample(rows, ncol(columns), persons) *
    bread %*% crossprod(scores) %*% bread
  data.frame(
    model = model, term = terms, estimate = tests$beta, std_error = tests$SE,
    df = tests$df, p_value = tests$p_Satt,
    std_error_cr1 = sqrt(diag(covariance))[match(terms, colnames(columns))],
    n_obs = nrow(panel), n_participants = persons
  )
}

heavy <- read.csv("clubsandwich/panel.csv")
# A mean of three items from 1 to 7 with half of the rows at the floor.
heavy$mean_of_three <- pmin(pmax(round((heavy$score - 19) / 2) + 3, 3), 21) / 3
functions <- paste0("f", 1:5, "_days_per_week")
dynamics <- read.csv("dynamics.csv")
write_exactly(
  rbind(
    reference("heavy", heavy, "mean_of_three", functions),
    reference("binary", dynamics, "formal", "story_days_per_week"),
    reference("two_waves", dynamics[dynamics$wave <= 2, ], "contacts", "story_days_per_week"),
    reference("gaps", dynamics, "contacts", "story_days_per_week")
  ),
  "fe_ordered_logit/expected.csv"
)
