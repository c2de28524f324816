package gantry;

/** Runs the main methods of several example consumers in one process; they consume until it is ended. */
final class ExampleConsumers {
    private ExampleConsumers() {
    }

    /** The arguments are names of classes. */
    public static void main(String[] names) throws ClassNotFoundException {
        for (String name : names) {
            Class<?> example = Class.forName(name);
            // One of them does not return from its main method.
            new Thread(() -> {
                try {
                    example.getMethod("main", String[].class).invoke(null, (Object) new String[0]);
                } catch (ReflectiveOperationException cause) {
                    cause.printStackTrace();
                }
            }).start();
        }
    }
}
