/** What IoT Hub takes for the id of a device, of what an endpoint token may be. */
const HUB_DEVICE_ID = /^[A-Za-z0-9\-_%*?!(),:=@$']{1,128}$/;

/** What is wrong with the endpoint token of a device of the interface iothub, whose id it is in the hub; undefined: nothing. */
export const wrongHubDeviceId = (token: string): string | undefined =>
  HUB_DEVICE_ID.test(token)
    ? undefined
    : "must be 1 to 128 letters, digits and - _ % * ? ! ( ) , : = @ $ ' for interface iothub: it is the id of the device in the IoT Hub";
