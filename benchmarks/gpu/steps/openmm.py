"""MD in OpenMM by PythonForce: the CUDA platform where the device is a GPU."""

import time

from steps.options import Emit, Options, Skip
from steps.systems import (
    TIMESTEP,
    Case,
    cases,
    exported,
    forms,
    liquid,
    measure_all,
    ns_per_day,
)

LARGEST = 14400  # atoms; exporting for more takes longer than running them
WARM_UP, MOST = 10, 500  # steps
SECONDS, QUICK = 4.0, 0.5  # of MD for one row


def run(options: Options, emit: Emit) -> None:
    """A row for each size, model and form.

    Raises:
        Skip: no OpenMM, or none with this platform. RuntimeError: no time for any row.
    """
    import torch  # noqa: F401  before OpenMM, whose CUDA plugin takes NVRTC and cuFFT from it

    try:
        import openmm
    except ImportError as error:
        raise Skip(f"OpenMM does not load: {error}") from None
    name = "CUDA" if options.device == "cuda" else "CPU"
    known = [
        openmm.Platform.getPlatform(k).getName() for k in range(openmm.Platform.getNumPlatforms())
    ]
    if name not in known:
        failures = [f for f in openmm.Platform.getPluginLoadFailures() if name in f]
        raise Skip(f"OpenMM has no platform {name}, but {known}; {failures[:1]}")
    options.work.mkdir(parents=True, exist_ok=True)
    sizes = [n for n in options.sizes if n <= LARGEST]
    wanted = cases(sizes, forms(options.device)[::-1])
    measure_all(lambda case: speed(case, name, options), wanted, "ns/day", options, emit)


def speed(case: Case, platform_name: str, options: Options) -> dict:
    """ms of a step, and ns/day."""
    import openmm
    from openmm import unit

    from physrep.engines.openmm import python_force

    atoms = liquid(case.atoms)
    path = exported(case.model, case.form, options.work, topology=atoms)
    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    system.setDefaultPeriodicBoxVectors(*(0.1 * atoms.cell.array))
    system.addForce(python_force(path, device=options.device))
    integrator = openmm.LangevinMiddleIntegrator(
        300.0 * unit.kelvin, 1.0 / unit.picosecond, TIMESTEP * unit.femtosecond
    )
    platform = openmm.Platform.getPlatformByName(platform_name)
    context = openmm.Context(system, integrator, platform)
    context.setPositions(0.1 * atoms.positions)
    context.setVelocitiesToTemperature(300.0 * unit.kelvin, 1)
    integrator.step(WARM_UP)

    def seconds(n: int) -> float:
        start = time.perf_counter()
        integrator.step(n)
        context.getState(getEnergy=True)  # waits for the device
        return time.perf_counter() - start

    enough = QUICK if options.quick else SECONDS
    n = max(3, min(MOST, int(enough * 3 / seconds(3))))
    ms = 1000.0 * seconds(n) / n
    return {"platform": platform_name, "ns/day": ns_per_day(ms), "ms/step": ms}
