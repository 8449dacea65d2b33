# lavaan by full-information maximum likelihood with robust errors (MLR); t and p on
# persons - 1 degrees of freedom, as everywhere in this project.
suppressPackageStartupMessages(library(lavaan))
source("common.R")

read_dynamics <- function(waves) {
  panel <- read.csv("dynamics.csv")
  panel <- panel[panel$wave %in% waves, ]
  wide <- reshape(
    panel[c("participant_id", "wave", "story_days_per_week", "pdd_total")],
    idvar = "participant_id", timevar = "wave", direction = "wide"
  )
  names(wide) <- sub("story_days_per_week.", "x", names(wide), fixed = TRUE)
  names(wide) <- sub("pdd_total.", "y", names(wide), fixed = TRUE)
  wide[rowSums(!is.na(wide[-1])) > 0, -1]
}

# Hamaker, Kuiper & Grasman (2015), lagged effects equal at every wave; with timing
# "same" the outcome follows from the exposure of its own wave.
syntax <- function(waves, timing) {
  later <- waves[-1]
  before <- head(waves, -1)
  leading <- if (timing == "same") later else before
  together <- if (timing == "same") waves[1] else waves
  c(
    sprintf("RIx =~ %s", paste0("1*x", waves, collapse = " + ")),
    sprintf("RIy =~ %s", paste0("1*y", waves, collapse = " + ")),
    sprintf("wx%d =~ 1*x%d", waves, waves), sprintf("wy%d =~ 1*y%d", waves, waves),
    sprintf("x%d ~~ 0*x%d", waves, waves), sprintf("y%d ~~ 0*y%d", waves, waves),
    sprintf("x%d ~ 1", waves), sprintf("y%d ~ 1", waves),
    sprintf("wx%d ~ ax*wx%d + reverse*wy%d", later, before, before),
    sprintf("wy%d ~ ay*wy%d + within*wx%d", later, before, leading),
    sprintf("wx%d ~~ wx%d", waves, waves), sprintf("wy%d ~~ wy%d", waves, waves),
    sprintf("wx%d ~~ wy%d", together, together),
    "RIx ~~ RIx", "RIy ~~ RIy", "RIx ~~ RIy"
  )
}

reference <- function(model, timing, waves) {
  data <- read_dynamics(waves)
  climb <- function(...) {
    lavaan(
      paste(syntax(waves, timing), collapse = "\n"), data = data,
      missing = "ml", estimator = "MLR", em.h1.iter.max = 10000, em.h1.tol = 1e-11, ...
    )
  }
  first <- climb()
  # Climbing again from where the first stopped is worth some digits.
  fit <- first
  for (again in 1:3) {
    fit <- climb(
      start = fit, optim.method = "BFGS", control = list(reltol = 1e-16),
      baseline = FALSE
    )
  }
  stopifnot(lavInspect(fit, "converged"))
  all <- parameterEstimates(fit)
  all <- all[match(c("within", "reverse", "ax", "ay"), all$label), ]
  result <- describe(model, all$label, all$est, all$se, nobs(fit), nobs(fit))
  wanted <- c("logl", "chisq.scaled", "df.scaled", "pvalue.scaled", "rmsea.scaled")
  tests <- data.frame(
    model = model, t(unclass(fitMeasures(fit, wanted))),
    cfi.scaled = unname(fitMeasures(first, "cfi.scaled"))
  )
  list(result = result, tests = tests)
}

fits <- list(
  reference("lag1", "lag 1", 1:5),
  reference("same", "same", 1:5),
  reference("three_waves", "lag 1", 1:3)
)
write_exactly(do.call(rbind, lapply(fits, `[[`, "result")), "ri_clpm/expected.csv")
write_exactly(do.call(rbind, lapply(fits, `[[`, "tests")), "ri_clpm/tests.csv")
