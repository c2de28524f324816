package gantry;

/** Whose server a test talks to. */
public enum Kind {
    /** The binaries of this repository. */
    GANTRY,
    /** Apache RocketMQ 5.5.0, from the class path of the test. */
    APACHE;

    /** What {@code -Dpeer=apache} chooses: the control group that proves the tests themselves. */
    public static Kind chosen() {
        return valueOf(System.getProperty("peer", "gantry").toUpperCase());
    }
}
