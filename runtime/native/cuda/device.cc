#include "device.h"

#include <cstdlib>

namespace nnc::cuda {
namespace {

int AttributeOf(const Device &device, int attribute) {
  int value = 0;
  device.driver->Check(device.driver->cuDeviceGetAttribute(&value, attribute, device.number),
                       "the driver does not describe its device");
  return value;
}

[[noreturn]] void ThrowNoDevice() {
  const char *visible = std::getenv("CUDA_VISIBLE_DEVICES");
  const std::string restriction =
      visible == nullptr ? "" : std::string(" among CUDA_VISIBLE_DEVICES=") + visible;
  throw CudaError("the NVIDIA driver finds no graphics processor" + restriction, kNoDevice);
}

int CountDevices(const Driver &driver) {
  const Result result = driver.cuInit(0);
  if (result == kNoDevice) ThrowNoDevice();
  driver.Check(result, "the NVIDIA driver does not start");
  int count = 0;
  driver.Check(driver.cuDeviceGetCount(&count), "the NVIDIA driver does not count its devices");
  if (count == 0) ThrowNoDevice();
  return count;
}

}  // namespace

Device FindDevice(const DeviceChoice &choice) {
  Device device;
  device.driver = Driver::Load(choice.library);
  const Driver &driver = *device.driver;
  const int count = CountDevices(driver);
  if (choice.ordinal < 0 || choice.ordinal >= count) {
    throw CudaError("NNC_CUDA_DEVICE is " + std::to_string(choice.ordinal) +
                    ", but the devices that the NVIDIA driver shows are numbered from 0 to " +
                    std::to_string(count - 1));
  }
  driver.Check(driver.cuDeviceGet(&device.number, choice.ordinal), "the device cannot be had");
  char name[256] = {};
  driver.Check(driver.cuDeviceGetName(name, sizeof name - 1, device.number),
               "the device has no name");
  device.name = name;
  device.capability =
      10 * AttributeOf(device, kCapabilityMajor) + AttributeOf(device, kCapabilityMinor);
  device.multiprocessors = AttributeOf(device, kMultiprocessors);
  device.shared_bytes = AttributeOf(device, kSharedBytesWithPermission);
  device.is_cooperative = AttributeOf(device, kCooperativeLaunch) != 0;
  return device;
}

}  // namespace nnc::cuda
