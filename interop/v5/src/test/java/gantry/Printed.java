package gantry;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;
import org.apache.rocketmq.common.MixAll;

/** What official code prints that was written for a process of its own, run within this one to save a JVM. */
final class Printed {
    /** Something that prints. */
    interface Main {
        void run() throws Exception;
    }

    private Printed() {
    }

    /** The output of a run, errors included, that finds the name server as in a process of its own. */
    static synchronized String by(Deployment at, Main main) {
        String nameServers = System.getProperty(MixAll.NAMESRV_ADDR_PROPERTY);
        PrintStream output = System.out;
        PrintStream errors = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (PrintStream capture = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
            System.setProperty(MixAll.NAMESRV_ADDR_PROPERTY, at.nameServerAddress());
            System.setOut(capture);
            System.setErr(capture);
            main.run();
        } catch (Exception cause) {
            throw new IllegalStateException(cause);
        } finally {
            System.setOut(output);
            System.setErr(errors);
            if (nameServers == null) {
                System.clearProperty(MixAll.NAMESRV_ADDR_PROPERTY);
            } else {
                System.setProperty(MixAll.NAMESRV_ADDR_PROPERTY, nameServers);
            }
        }
        return withoutLogging(printed.toString(StandardCharsets.UTF_8));
    }

    /** The logging library introduces itself in lines of this form. */
    static String withoutLogging(String printed) {
        return printed.lines().filter(line -> !line.matches(".* \\|-(INFO|WARN|ERROR) in .*"))
            .collect(Collectors.joining("\n"));
    }
}
