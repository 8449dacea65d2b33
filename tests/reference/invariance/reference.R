# lavaan by full-information maximum likelihood with robust tests (MLR): one factor a
# wave, residuals of the same item correlated over waves.
suppressPackageStartupMessages(library(lavaan))
source("common.R")

answers <- read.csv("invariance/answers.csv")
items <- paste0("mood_", 1:4)
wide <- reshape(answers, idvar = "participant_id", timevar = "wave", direction = "wide", sep = ".")
names(wide) <- gsub(".", "_w", names(wide), fixed = TRUE)
waves <- 1:3

column <- function(item, wave) paste0(item, "_w", wave)
pairs <- combn(waves, 2)

syntax <- function(model) {
  loading <- function(item, wave) {
    if (item == items[1]) return(paste0("1*", column(item, wave)))
    if (model == "configural") return(column(item, wave))
    paste0("l_", item, "*", column(item, wave))
  }
  intercept <- function(item, wave) {
    paste0(column(item, wave), " ~ ", if (model == "scalar") paste0("i_", item, "*"), "1")
  }
  free <- model == "scalar"
  c(
    sapply(waves, function(wave) {
      paste0("f", wave, " =~ ", paste(sapply(items, loading, wave), collapse = " + "))
    }),
    outer(items, waves, Vectorize(intercept)),
    sprintf("f%d ~ %s1", waves, ifelse(free & waves > 1, "", "0*")),
    unlist(lapply(items, function(item) {
      apply(pairs, 2, function(p) paste(column(item, p[1]), "~~", column(item, p[2])))
    })),
    sprintf("f%d ~~ f%d", waves, waves), sprintf("f%d ~~ f%d", pairs[1, ], pairs[2, ]),
    outer(items, waves, function(item, wave) paste(column(item, wave), "~~", column(item, wave)))
  )
}

climb <- function(model, ...) {
  lavaan(
    paste(syntax(model), collapse = "\n"), data = wide[-1],
    missing = "ml", estimator = "MLR", em.h1.iter.max = 10000, em.h1.tol = 1e-11, ...
  )
}

reference <- function(model) {
  first <- climb(model)
  # Climbing again from where the first stopped is worth some digits.
  fit <- first
  for (again in 1:3) {
    fit <- climb(
      model, start = fit, optim.method = "BFGS", control = list(reltol = 1e-16),
      baseline = FALSE
    )
  }
  stopifnot(lavInspect(fit, "converged"))
  list(fit = fit, first = first)
}

fits <- lapply(setNames(nm = c("configural", "metric", "scalar")), reference)
rows <- lapply(names(fits), function(model) {
  fit <- fits[[model]]$fit
  wanted <- c("logl", "chisq.scaled", "df.scaled", "pvalue.scaled", "rmsea.scaled")
  data.frame(
    model = model, t(unclass(fitMeasures(fit, wanted))),
    cfi.scaled = unname(fitMeasures(fits[[model]]$first, "cfi.scaled")), n = nobs(fit)
  )
})
compare <- function(free, restricted) {
  test <- lavTestLRT(fits[[free]]$fit, fits[[restricted]]$fit, method = "satorra.bentler.2001")
  data.frame(
    difference = test[["Chisq diff"]][2], difference_df = test[["Df diff"]][2],
    difference_p = test[["Pr(>Chisq)"]][2]
  )
}
differences <- rbind(
  data.frame(difference = NA, difference_df = NA, difference_p = NA),
  compare("configural", "metric"), compare("metric", "scalar")
)
write_exactly(cbind(do.call(rbind, rows), differences), "invariance/expected.csv")

# Estimates of the last model: loadings, intercepts, means of the factor.
estimates <- parameterEstimates(fits$scalar$fit)
estimates <- estimates[estimates$op %in% c("=~", "~1"), c("lhs", "op", "rhs", "est")]
write_exactly(estimates, "invariance/scalar.csv")
