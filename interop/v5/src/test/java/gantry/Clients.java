package gantry;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** Official clients with the settings that a test wants. */
final class Clients {
    private static final AtomicInteger NEXT = new AtomicInteger();

    private Clients() {
    }

    static DefaultMQProducer producer(Deployment at, String group) throws MQClientException {
        return producer(at.nameServerAddress(), group);
    }

    static DefaultMQProducer producer(String nameServers, String group) throws MQClientException {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        producer.setNamesrvAddr(nameServers);
        producer.setInstanceName("producer-" + NEXT.incrementAndGet());
        producer.setSendMsgTimeout(10_000);
        producer.start();
        // A broker is ready a moment before the name server knows its topics.
        Peers.await("a route for new topics", 90, () -> {
            try {
                return !producer.fetchPublishMessageQueues("TBW102").isEmpty();
            } catch (MQClientException notYet) {
                return false;
            }
        });
        return producer;
    }

    /** Not started: the caller subscribes first. */
    static DefaultMQPushConsumer consumer(String nameServers, String group) {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(nameServers);
        consumer.setInstanceName("consumer-" + NEXT.incrementAndGet());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        // Its first heartbeat and its first rebalance fall on the same second, and the one that comes too late is
        // dropped: brokers of either kind then refuse its pulls ("subscription is not latest") until the next one.
        consumer.setHeartbeatBrokerInterval(3_000);
        consumer.setPollNameServerInterval(3_000);
        return consumer;
    }

    static DefaultMQAdminExt admin(String nameServers) throws MQClientException {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(10_000);
        admin.setNamesrvAddr(nameServers);
        admin.setInstanceName("admin-" + NEXT.incrementAndGet());
        admin.setAdminExtGroup("admin-group-" + NEXT.get());
        admin.start();
        return admin;
    }

    static Message message(String topic, String tags, String keys, String body) {
        return new Message(topic, tags, keys, body.getBytes(StandardCharsets.UTF_8));
    }

    static String text(byte[] body) {
        return new String(body, StandardCharsets.UTF_8);
    }
}
