import Fleet
import Forecast

extension ForecastReport {
    /// Everything, as UTF-8 in one line.
    package var json: [UInt8] {
        let (series, settings) = (rolling.series, rolling.settings)
        let document: JSON = [
            "series": [
                "name": .string(name), "start_t_s": JSON(series.start.secondsSince1970),
                "step_seconds": JSON(series.step), "samples": .integer(series.values.count),
                "missing": .integer(series.values.count { $0 == nil }),
            ],
            "protocol": [
                "learned": .integer(rolling.test.lowerBound), "scored": .integer(rolling.test.count),
                "origins": .integer(rolling.origins.count),
                "scored_origins": .array(rolling.known.map { .integer($0) }),
                "horizons_seconds": .array(rolling.horizons.compactMap { JSON($0) }),
                "levels": .array(settings.levels.compactMap { JSON($0) }),
                "seasonal_error": JSON(rolling.seasonalError),
            ],
            "models": .array(rows.map { Self.json($0, rolling) }), "notes": .array(notes.map { .string($0) }),
        ]
        return document.bytes
    }

    private static func json(_ row: Row, _ rolling: RollingOrigin) -> JSON {
        switch row.outcome {
        case .left(let reason): ["model": .string(row.name), "error": .string(reason)]
        case .scored(let score, _):
            [
                "model": .string(row.name), "seconds": JSON(row.seconds), "relative_mae": JSON(score.relativeMAE),
                "mase": JSON(score.mase), "scored_origins": .integer(score.scored),
                "note": row.note(of: rolling).map { .string($0) }, "sample": averages(score, .sample),
                "maximum": averages(score, .maximum),
                "horizons": .array(
                    score.horizons.map { horizon in
                        [
                            "horizon_seconds": JSON(horizon.horizon),
                            "sample": json(horizon.sample, naive: horizon.sampleOfNaive),
                            "maximum": json(horizon.maximum, naive: horizon.maximumOfNaive),
                        ]
                    }),
            ]
        }
    }

    private static func averages(_ score: ForecastScore, _ target: ForecastTarget) -> JSON {
        let levels = score.horizons.first?.sample.levels ?? []
        return .array(
            levels.enumerated().map { index, level in
                [
                    "level": JSON(level.level), "relative_pinball": JSON(score.relativePinball(index, of: target)),
                    "coverage": JSON(score.mean(of: target) { $0.levels[index].coverage }),
                    "under": JSON(score.mean(of: target) { $0.levels[index].underProvision }),
                    "over": JSON(score.mean(of: target) { $0.levels[index].overProvision }),
                ]
            })
    }

    private static func json(_ score: TargetScore, naive: TargetScore) -> JSON {
        [
            "origins": .integer(score.count), "mae": JSON(score.mae), "naive_mae": JSON(naive.mae),
            "rmse": JSON(score.rmse), "mape": JSON(score.mape), "smape": JSON(score.smape),
            "levels": .array(
                zip(score.levels, naive.levels).map { level, naive in
                    [
                        "level": JSON(level.level), "pinball": JSON(level.pinball),
                        "naive_pinball": JSON(naive.pinball), "coverage": JSON(level.coverage),
                        "under": JSON(level.underProvision), "over": JSON(level.overProvision),
                    ]
                }),
        ]
    }
}
