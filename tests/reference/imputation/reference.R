# mice's own imputations of one wave, a regression on each, and mice::pool.
suppressPackageStartupMessages(library(mice))
source("common.R")

panel <- read.csv("dropout.csv", stringsAsFactors = FALSE)
wide <- reshape(
  panel[c("participant_id", "wave", "pdd_total", "reaction_days_per_week")],
  idvar = "participant_id", timevar = "wave", direction = "wide"
)[-1]
imputed <- mice(wide, m = 20, method = "norm", maxit = 10, seed = 1, printFlag = FALSE)
fits <- with(imputed, lm(pdd_total.4 ~ pdd_total.1 + reaction_days_per_week.4))
each <- do.call(rbind, lapply(seq_along(fits$analyses), function(i) {
  found <- coef(summary(fits$analyses[[i]]))
  data.frame(
    model = "each", imputation = i, term = rownames(found),
    estimate = found[, "Estimate"], std_error = found[, "Std. Error"]
  )
}))
write_exactly(each, "imputation/each.csv")

describe_pool <- function(model, dfcom) {
  found <- pool(fits, dfcom = dfcom)
  rows <- summary(found)
  data.frame(
    model = model, term = rows$term, estimate = rows$estimate,
    std_error = rows$std.error, statistic = rows$statistic, df = rows$df,
    p_value = rows$p.value, fraction_missing = found$pooled$fmi, complete_df = dfcom
  )
}
write_exactly(
  rbind(describe_pool("residual", 117), describe_pool("small", 9)),
  "imputation/expected.csv"
)
