/**
 * The topic of its own at which a device without any credential gets one for a claim key: no token can be in it. With a number
 * behind it, as elsewhere, the answer has the number too.
 */
const TOPIC = /^kp1\/enrol(\/[0-9]{1,19})?$/;
const ANSWERS = /^kp1\/enrol\/((\+|[0-9]{1,19})\/)?(status|error|\+)$|^kp1\/enrol\/#$/;

export const isEnrolment = (topic: string): boolean => TOPIC.test(topic);

/** Whether a filter asks for nothing but its own answers, which are sent to who has asked, subscribed or not. */
export const isEnrolmentAnswer = (filter: string): boolean => ANSWERS.test(filter);
