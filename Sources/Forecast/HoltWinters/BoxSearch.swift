/// Searches the unit box for the least value of a function that may have several valleys: a coarse grid first, then the
/// simplex method of Nelder and Mead (1965) from the best places of the grid.
///
/// The simplex moves freely: each of its coordinates is folded back into 0 to 1 and eased, x = t^2 (3 - 2 t). So no
/// side of the box is an edge to get pressed flat against, and the small rates that matter next to 0 get room.
struct BoxSearch {
    struct Place {
        var point: [Double]
        var value: Double
    }

    /// The function: a point, and a limit above which it need not say more than infinity.
    typealias Function = (_ point: [Double], _ limit: Double) -> Double

    /// For each dimension the places of the grid, 0 to 1, before they are eased.
    let grid: [[Double]]
    /// How often the function may be evaluated, about; the grid is always finished.
    let evaluations: Int
    /// From how many places of the grid a simplex may start, while evaluations are left.
    var starts = 4
    /// A simplex has arrived when its values differ by less than this share.
    var tolerance = 1e-7

    private var spent = 0

    init(grid: [[Double]], evaluations: Int) {
        (self.grid, self.evaluations) = (grid, evaluations)
    }

    /// - Returns: the best place found; its value is infinite when the function has no finite one on the grid.
    mutating func minimum(of function: Function) -> Place {
        spent = 0
        var places = [Place(point: [], value: 0)]
        for coordinates in grid {
            places = places.flatMap { place in coordinates.map { Place(point: place.point + [$0], value: 0) } }
        }
        // What is more than twice the best so far is no place to start from.
        var best = Double.infinity
        for index in places.indices {
            places[index].value = evaluate(function, places[index].point, 2 * best)
            best = min(best, places[index].value)
        }
        places.sort { $0.value < $1.value }
        var found = places[0]
        for place in places.prefix(starts) where place.value.isFinite {
            var arrived = descend(from: place, edge: 0.15, function)
            // A simplex that has become flat can stop early; a fresh one shows it.
            while spent < evaluations {
                let again = descend(from: arrived, edge: 0.05, function)
                let gain = arrived.value - again.value
                arrived = again
                if gain <= 10 * tolerance * arrived.value { break }
            }
            if arrived.value < found.value { found = arrived }
            if spent >= evaluations { break }
        }
        found.point = found.point.map(Self.eased)
        return found
    }

    private static func eased(_ coordinate: Double) -> Double {
        let remainder = abs(coordinate.remainder(dividingBy: 2))
        return remainder * remainder * (3 - 2 * remainder)
    }

    private mutating func evaluate(_ function: Function, _ point: [Double], _ limit: Double) -> Double {
        spent += 1
        let value = function(point.map(Self.eased), limit)
        return value.isNaN ? .infinity : value
    }

    /// One run of the simplex method, until it has arrived or the evaluations are spent.
    private mutating func descend(from start: Place, edge: Double, _ function: Function) -> Place {
        var simplex = [start]
        for dimension in start.point.indices {
            var point = start.point
            point[dimension] += point[dimension] > 0.5 ? -edge : edge
            simplex.append(Place(point: point, value: evaluate(function, point, .infinity)))
        }
        let last = simplex.count - 1
        while true {
            simplex.sort { $0.value < $1.value }
            let (best, worst) = (simplex[0], simplex[last])
            if spent >= evaluations || worst.value - best.value <= tolerance * abs(best.value) { return best }
            let centre = start.point.indices.map { dimension in
                simplex[..<last].reduce(0) { $0 + $1.point[dimension] } / Double(last)
            }
            // All that is asked of a point not better than the worst is that it is not.
            func along(_ distance: Double) -> Place {
                let point = zip(centre, worst.point).map { $0 + distance * ($0 - $1) }
                return Place(point: point, value: evaluate(function, point, worst.value))
            }
            let reflected = along(1)
            if reflected.value < best.value {
                let expanded = along(2)
                simplex[last] = expanded.value < reflected.value ? expanded : reflected
            } else if reflected.value < simplex[last - 1].value {
                simplex[last] = reflected
            } else {
                let contracted = along(reflected.value < worst.value ? 0.5 : -0.5)
                if contracted.value < min(reflected.value, worst.value) {
                    simplex[last] = contracted
                } else {
                    for index in 1...last {
                        let point = zip(simplex[index].point, best.point).map { ($0 + $1) / 2 }
                        simplex[index] = Place(point: point, value: evaluate(function, point, .infinity))
                    }
                }
            }
        }
    }
}
