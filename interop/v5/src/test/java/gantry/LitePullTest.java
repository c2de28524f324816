package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Test;

/** The official lite pull consumer: subscribe and poll, assign and seek, commit. */
class LitePullTest {
    @Test
    void pollSeekAndCommit() throws Exception {
        try (Deployment deployment = Deployment.start(Kind.chosen(), Map.of())) {
            DefaultMQProducer producer = Clients.producer(deployment, "LitePullTest");
            for (int i = 0; i < 100; i++) {
                producer.send(Clients.message("LiteTopic", "TagA", "key" + i, "body " + i));
            }
            DefaultLitePullConsumer subscriber = consumer(deployment, "LiteGroup", "subscriber");
            subscriber.subscribe("LiteTopic", "*");
            subscriber.start();
            TreeSet<String> seen = new TreeSet<>();
            Peers.await("all 100 by poll", 60, () -> {
                subscriber.poll(500).forEach(message -> seen.add(Clients.text(message.getBody())));
                return seen.size() == 100;
            });
            subscriber.commit();
            subscriber.shutdown();

            DefaultLitePullConsumer assigned = consumer(deployment, "LiteAssigned", "assigned");
            assigned.setAutoCommit(false);
            assigned.start();
            Collection<MessageQueue> queues = assigned.fetchMessageQueues("LiteTopic");
            assertEquals(4, queues.size());
            MessageQueue one = queues.iterator().next();
            assigned.assign(List.of(one));
            assigned.seek(one, 10);
            List<MessageExt> polled = List.of();
            for (int i = 0; i < 20 && polled.isEmpty(); i++) {
                polled = assigned.poll(1000);
            }
            assertTrue(!polled.isEmpty());
            assertEquals(10, polled.get(0).getQueueOffset());
            assigned.commit();
            Peers.await("the commit", 20, () -> {
                try {
                    return assigned.committed(one) > 10;
                } catch (Exception notYet) {
                    return false;
                }
            });
            assigned.shutdown();
            producer.shutdown();
        }
    }

    private static DefaultLitePullConsumer consumer(Deployment deployment, String group, String name) {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group);
        consumer.setNamesrvAddr(deployment.nameServerAddress());
        consumer.setInstanceName(name);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        return consumer;
    }
}
