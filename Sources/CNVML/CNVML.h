// What scale-agent uses of NVML, NVIDIA's management library: its types, and its functions in a table.
//
// The library comes with the driver and is opened at run time; nothing is linked. Each function is looked up by itself,
// because drivers add and drop them: one that is missing is null, and what it would have told is unknown.

#ifndef CNVML_H
#define CNVML_H

#include <assert.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cnvml_opaque_device *cnvml_device;
typedef struct cnvml_opaque_events *cnvml_events;

// Structures without a version are frozen. The others begin with one, which says their size too: the library refuses
// (error 25) what it does not know.
#define CNVML_VERSION(type, number) ((uint32_t)(sizeof(type) | (number) << 24))

typedef struct { uint32_t gpu, memory; } cnvml_utilization;
typedef struct { uint64_t total, free, used; } cnvml_memory;
typedef struct { uint32_t version; uint64_t total, reserved, free, used; } cnvml_memory_v2;
typedef struct { uint32_t version, sensor; int32_t celsius; } cnvml_temperature;
typedef struct { char legacy_bus_id[16]; uint32_t domain, bus, device, id, subsystem; char bus_id[32]; } cnvml_pci;
typedef struct { cnvml_device device; uint64_t type, data; uint32_t gpu_instance, compute_instance; } cnvml_event;
typedef struct { uint32_t field, scope; int64_t at, latency; uint32_t type; int32_t code; uint64_t value; } cnvml_field;

static_assert(sizeof(cnvml_memory_v2) == 40 && sizeof(cnvml_temperature) == 12, "as the library has them");
static_assert(sizeof(cnvml_pci) == 68 && sizeof(cnvml_event) == 32 && sizeof(cnvml_field) == 40, "likewise");

static const uint32_t cnvml_memory_v2_version = CNVML_VERSION(cnvml_memory_v2, 2);
static const uint32_t cnvml_temperature_version = CNVML_VERSION(cnvml_temperature, 1);

// All return 0 or an error code. Units: percent, bytes, mW, mJ, degrees Celsius, MHz.
#define CNVML_FUNCTIONS(FUNCTION) \
    FUNCTION(start, "nvmlInit_v2", void) \
    FUNCTION(stop, "nvmlShutdown", void) \
    FUNCTION(driver_version, "nvmlSystemGetDriverVersion", char *text, uint32_t size) \
    FUNCTION(count, "nvmlDeviceGetCount_v2", uint32_t *) \
    FUNCTION(device, "nvmlDeviceGetHandleByIndex_v2", uint32_t index, cnvml_device *) \
    FUNCTION(uuid, "nvmlDeviceGetUUID", cnvml_device, char *text, uint32_t size) \
    FUNCTION(name, "nvmlDeviceGetName", cnvml_device, char *text, uint32_t size) \
    FUNCTION(pci, "nvmlDeviceGetPciInfo_v3", cnvml_device, cnvml_pci *) \
    FUNCTION(utilization, "nvmlDeviceGetUtilizationRates", cnvml_device, cnvml_utilization *) \
    FUNCTION(memory, "nvmlDeviceGetMemoryInfo", cnvml_device, cnvml_memory *) \
    FUNCTION(memory_v2, "nvmlDeviceGetMemoryInfo_v2", cnvml_device, cnvml_memory_v2 *) \
    FUNCTION(power, "nvmlDeviceGetPowerUsage", cnvml_device, uint32_t *) \
    FUNCTION(power_limit, "nvmlDeviceGetEnforcedPowerLimit", cnvml_device, uint32_t *) \
    FUNCTION(energy, "nvmlDeviceGetTotalEnergyConsumption", cnvml_device, uint64_t *) \
    FUNCTION(temperature, "nvmlDeviceGetTemperature", cnvml_device, uint32_t sensor, uint32_t *) \
    FUNCTION(temperature_v, "nvmlDeviceGetTemperatureV", cnvml_device, cnvml_temperature *) \
    FUNCTION(clock, "nvmlDeviceGetClockInfo", cnvml_device, uint32_t domain, uint32_t *) \
    FUNCTION(event_reasons, "nvmlDeviceGetCurrentClocksEventReasons", cnvml_device, uint64_t *) \
    FUNCTION(throttle_reasons, "nvmlDeviceGetCurrentClocksThrottleReasons", cnvml_device, uint64_t *) \
    FUNCTION(ecc_errors, "nvmlDeviceGetTotalEccErrors", cnvml_device, uint32_t kind, uint32_t since, uint64_t *) \
    FUNCTION(mig_mode, "nvmlDeviceGetMigMode", cnvml_device, uint32_t *current, uint32_t *pending) \
    FUNCTION(fields, "nvmlDeviceGetFieldValues", cnvml_device, int32_t count, cnvml_field *) \
    FUNCTION(events_create, "nvmlEventSetCreate", cnvml_events *) \
    FUNCTION(events_free, "nvmlEventSetFree", cnvml_events) \
    FUNCTION(events_register, "nvmlDeviceRegisterEvents", cnvml_device, uint64_t types, cnvml_events) \
    FUNCTION(events_wait, "nvmlEventSetWait_v2", cnvml_events, cnvml_event *, uint32_t milliseconds)

typedef struct {
    void *library;
    const char *(*error_text)(int32_t code);
#define CNVML_FIELD(field, symbol, ...) int32_t (*field)(__VA_ARGS__);
    CNVML_FUNCTIONS(CNVML_FIELD)
#undef CNVML_FIELD
} cnvml;

/// Opens the library at `path`; all null when there is none.
static inline cnvml cnvml_open(const char *path) {
    cnvml nvml = {.library = dlopen(path, RTLD_LAZY | RTLD_LOCAL)};
    if (!nvml.library) return nvml;
    nvml.error_text = (const char *(*)(int32_t))dlsym(nvml.library, "nvmlErrorString");
#define CNVML_LOOK_UP(field, symbol, ...) nvml.field = (int32_t(*)(__VA_ARGS__))dlsym(nvml.library, symbol);
    CNVML_FUNCTIONS(CNVML_LOOK_UP)
#undef CNVML_LOOK_UP
    return nvml;
}

static inline void cnvml_close(cnvml nvml) {
    if (nvml.library) dlclose(nvml.library);
}

#endif
